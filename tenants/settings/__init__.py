"""What the rooms of a station have set, one row for each room: too little for tables of their own (ADR 31)."""
