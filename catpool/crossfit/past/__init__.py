"""`EarlierRows`: each row is encoded from strictly earlier rows."""
