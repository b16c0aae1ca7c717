"""`python -m bondsig_assets`: the `bondsig` command where its script is not on the path.

Belongs here: nothing but the call. Not here: the command (`commands/cli.py`).
"""

from bondsig_assets.commands.cli import main

main()
