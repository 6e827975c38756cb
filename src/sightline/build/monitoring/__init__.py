"""Footage that is watched for drift, and from which hard frames are collected, from options."""
