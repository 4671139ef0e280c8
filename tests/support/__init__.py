"""What tests of all kinds stand on: servers, engines, projects, data."""
