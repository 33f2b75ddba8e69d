"""Fine-tuning a classifier from a pretrained model, as a task of the training room."""
