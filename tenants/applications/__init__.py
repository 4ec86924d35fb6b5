"""How a visitor becomes the owner of a station: he applies, pays the plan's opening fee, and it is opened, by itself or
after somebody at the master has looked at it."""
