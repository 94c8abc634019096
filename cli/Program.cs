using Granary.Cli;
using Granary.Cli.Commands;
using Granary.Cli.Invocation;

// The scripts that are called rabbitmqctl and so on say so first.
const string CalledAs = "--called-as=";
var calledAs = args.FirstOrDefault(argument => argument.StartsWith(CalledAs, StringComparison.Ordinal));
var session = new Session(Tool.Of(calledAs?[CalledAs.Length..] ?? "granaryctl"), Console.In, Console.Out, Console.Error, Environment.GetEnvironmentVariable);
try
{
    return await session.RunAsync([.. args.Where(argument => argument != calledAs)]);
}
catch (IOException)
{
    // Who reads the output has seen enough: head, say.
    return ExitCode.Done;
}
