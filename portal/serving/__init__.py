"""Running the portal: its processes, the broker made of files, keys kept on disk, checks at start."""
