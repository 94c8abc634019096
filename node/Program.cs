using System.CommandLine;
using Granary.Node;

// What arrives at an AMQP socket is handled on the thread that hears of it if that is but little (gateway/Sockets). Kestrel's own transport, which
// HTTP and gRPC use, hands on to the pool as ever. Read by System.Net.Sockets once, so it comes before the first socket.
Environment.SetEnvironmentVariable("DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS", "1");

// The host handles SIGTERM itself and tells the clients: the command line must not end the process under it.
return await NodeCommand.Create().Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null });
