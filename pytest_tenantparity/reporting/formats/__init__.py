"""One module for each report format. ``write_report`` lists them."""
