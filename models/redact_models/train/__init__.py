"""Training recipe: synthetic scenes, the network, the loop and the evaluation."""
