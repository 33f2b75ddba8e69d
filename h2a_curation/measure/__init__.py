"""What a file is: functions of its bytes and a model, whatever the class or the recipe.

Pure: decoder, encoder and models are passed in. What they hand over is in `facts` and `look`.
"""
