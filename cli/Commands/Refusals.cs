using Granary.Cli.Invocation;
using Granary.Cli.Output;

namespace Granary.Cli.Commands;

/// <summary>What does not exist, in rabbitmqctl's words and with its exit codes, which differ from command to command.</summary>
internal static class Refusals
{
    public static CommandException NoUser(string name) => new(ExitCode.NoUser, $"User \"{name}\" does not exist");

    public static CommandException NoUserToGrant(string name) => new(ExitCode.NoUser, $"User {name} does not exist");

    public static CommandException NoSuchUser(string name) => new(ExitCode.Unavailable, $"{{:no_such_user, {Terms.Quote(name)}}}");

    public static CommandException NoVhostToGrant(string name) => new(ExitCode.Unavailable, $"Virtual host {name} does not exist");

    public static CommandException NoVhost(string name) => new(ExitCode.Data, $"Virtual host '{name}' does not exist") { IsPlain = true };
}
