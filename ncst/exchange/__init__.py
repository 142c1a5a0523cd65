"""Other people's files: the official release, exports, their scores."""
