using Granary.Node;

return await NodeCommand.RunAsync(args, Environment.GetEnvironmentVariable);
