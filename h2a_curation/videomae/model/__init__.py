"""VideoMAE V2 as a network: encoder, decoder, positions, loss."""
