"""What to ask for: arms, what they are believed to bring, and how requests are spent on them."""
