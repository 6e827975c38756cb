"""What a camera's pictures, and what is found in them, are usually like: statistics that can be added up."""
