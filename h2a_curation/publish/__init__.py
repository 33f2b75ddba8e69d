"""Write what people share and train on; decide nothing."""
