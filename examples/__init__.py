"""Examples that the documents refer to."""
