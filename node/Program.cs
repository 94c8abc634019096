using System.CommandLine;
using Granary.Node;

// The host handles SIGTERM itself and tells the clients: the command line must not end the process under it.
return await NodeCommand.Create().Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null });
