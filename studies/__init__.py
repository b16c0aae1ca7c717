"""Studies that prove or disprove the platform itself: simulated worlds, null tests, power, the
price of cheating.

Belongs here: what sees the simulator's truth beside what the platform makes of its reports. Not
here: anything the graph runs (no package of the graph imports this one), and figures about one
home's market (`reporting/`).
"""
