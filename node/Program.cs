using Granary.Node;

return await NodeCommand.Create().Parse(args).InvokeAsync();
