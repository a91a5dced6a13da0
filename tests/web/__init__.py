"""The web layer: what each address answers to whom, what pages show, and what hostile input may not do."""
