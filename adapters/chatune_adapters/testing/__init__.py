"""Protocol servers on loopback, for testing a bot over the real wire; one subpackage each."""
