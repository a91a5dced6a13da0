"""What people do, in a real browser against the real portal: web, worker, beat, and e-mail that arrives."""
