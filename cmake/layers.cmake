# The architecture: which module may include and link which. One line a module; anything not written here
# fails the build (configure checks the links, tools/tidy the includes). See ARCHITECTURE.md.
#
#   perdure_layer(MODULE ZONE [depends...])
#
# ZONE: pure      no clock, thread, file, socket, environment, random device, logging
#       port      an interface with at least two drivers
#       driver    implements one port; never sees a sibling driver or the runtime
#       engine    the shards
#       delivery  what people touch
perdure_layer(base                 pure)
perdure_layer(expr                 pure     base)
perdure_layer(plan                 pure     base expr)
perdure_layer(history              pure     base)
perdure_layer(policy               pure     base)
perdure_layer(decider              pure     base expr plan history policy)
perdure_layer(loaders              pure     base expr plan policy)
perdure_layer(convert              pure     base expr plan policy loaders)

perdure_layer(net                  port     base)
perdure_layer(storage              port     base)
perdure_layer(activity             port     base)

perdure_layer(storage/memory       driver   base storage)
perdure_layer(storage/embedded     driver   base storage)
perdure_layer(activity/inprocess   driver   base activity)
perdure_layer(activity/http        driver   base net activity)
perdure_layer(activity/shell       driver   base activity)
perdure_layer(activity/notify      driver   base net activity)

perdure_layer(engine               port     base plan history)
perdure_layer(runtime              engine   base expr plan history policy decider storage activity engine)

perdure_layer(cli                  delivery base expr plan history loaders convert engine)
perdure_layer(bench                delivery base plan history loaders activity activity/inprocess engine)
perdure_layer(app                  delivery base expr plan history policy decider loaders convert net storage
                                            storage/memory storage/embedded activity activity/inprocess
                                            activity/http activity/shell activity/notify engine runtime cli bench)
