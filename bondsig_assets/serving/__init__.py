"""A team's servers: which there are, how each is started, and all of them on one machine.

Belongs here: the topology that `bondsig serve` and `docker-compose.yml` share. Not here: what the
servers do, and the servers of one person's home (`commands/ui.py`).
"""
