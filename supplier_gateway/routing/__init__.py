"""By which offer an order is bought: learnt from what offers have done lately, decided in process, kept with its
reason."""
