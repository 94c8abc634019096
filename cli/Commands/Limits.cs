using System.Text.Json.Nodes;
using Granary.Cli.Broker;
using Granary.Cli.Invocation;

namespace Granary.Cli.Commands;

/// <summary>Limits of users and of vhosts, which a command line has as one object and the API takes one by one.</summary>
internal static class Limits
{
    /// <param name="path">Of whom they are.</param>
    /// <param name="known">The names that there are: one that is unknown keeps the others from being set, as it does in RabbitMQ.</param>
    /// <param name="areAll">What is not named is not limited any more, as with vhosts; else it stays as it is, as with users.</param>
    /// <param name="absent">There is nobody whose limits they could be.</param>
    /// <exception cref="CommandException">They cannot be set.</exception>
    public static async Task SetAsync(BrokerApi broker, string path, string text, string[] known, bool areAll, CommandException absent)
    {
        var limits = Json.Object(text);
        if (limits.Select(static limit => limit.Key).FirstOrDefault(name => !known.Contains(name)) is { } unknown)
        {
            throw new CommandException(ExitCode.Unavailable, $"Unrecognised limit '{unknown}': {string.Join(" and ", known)} are known");
        }

        foreach (var (name, value) in limits)
        {
            try
            {
                if (!await broker.TryPutAsync($"{path}/{name}", new JsonObject { ["value"] = value?.DeepClone() }))
                {
                    throw absent;
                }
            }
            catch (CommandException refused) when (refused.ExitCode == ExitCode.Software)
            {
                // What the API calls a bad request is with rabbitmqctl one that cannot be met.
                throw new CommandException(ExitCode.Unavailable, refused.Message);
            }
        }

        foreach (var name in known.Where(name => areAll && !limits.ContainsKey(name)))
        {
            await broker.DeleteAsync($"{path}/{name}");
        }
    }
}
