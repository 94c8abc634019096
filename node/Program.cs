using Granary.Core.Certificates;
using Granary.Node;

HomeFolder.Settle();
return await NodeCommand.RunAsync(args, Environment.GetEnvironmentVariable);
