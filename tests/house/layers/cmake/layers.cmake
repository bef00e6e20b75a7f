perdure_layer(low  pure)
perdure_layer(high pure low)
