"""Networks of neurons, and the gradients that train them."""
