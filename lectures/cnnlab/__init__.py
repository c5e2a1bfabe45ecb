"""What the lectures share: data, pictures, and later models and the training loop."""
