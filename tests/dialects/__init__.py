"""What each database engine stores and says."""
