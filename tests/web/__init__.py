"""What holds of every address: who gets it, what it changes and costs, and what hostile input may not do."""
