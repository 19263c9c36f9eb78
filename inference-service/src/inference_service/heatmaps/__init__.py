"""Drawing of class-activation maps over pictures. Takes arrays and gives a PNG; knows neither models nor requests."""
