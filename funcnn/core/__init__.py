"""What is a traced program?"""
