"""What every chapter shares: data, training, figures, numbers and exercises."""
