using Granary.Cli;
using Granary.Cli.Commands;
using Granary.Core.Certificates;

HomeFolder.Settle();

// The scripts that are called rabbitmqctl and so on say so first.
const string CalledAs = "--called-as=";
var calledAs = args.FirstOrDefault(argument => argument.StartsWith(CalledAs, StringComparison.Ordinal));
var session = new Session(Tool.Of(calledAs?[CalledAs.Length..] ?? "granaryctl"), Console.In, Console.Out, Console.Error, Environment.GetEnvironmentVariable);
return await session.RunAsync([.. args.Where(argument => argument != calledAs)]);
