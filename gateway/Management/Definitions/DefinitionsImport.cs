using System.Text.Json;
using Granary.Amqp;
using Granary.Core;
using Granary.Core.Access;
using Granary.Core.Topology;
using Granary.Gateway.Access;
using Granary.Gateway.Management.Access;
using Granary.Gateway.Management.Frame;
using Granary.Gateway.Topology;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Management.Definitions;

/// <summary>
/// Makes what a definitions file says, in the order of RabbitMQ's import: what others build on first, many at once of each kind. What is there already and is the
/// same stays; nothing is deleted.
/// </summary>
internal sealed partial class DefinitionsImport(ApiOperations operations, AccessCalls access, ILogger<DefinitionsImport> log)
{
    private const int AtOnce = 64;
    private const string TypeArgument = "x-queue-type";

    /// <param name="into">The vhost that all of it is for; null: each definition says it.</param>
    /// <exception cref="ApiException">What is in the file and cannot be made.</exception>
    public async Task RunAsync(DefinitionsFile file, string? into, ApiUser user, CancellationToken cancellation)
    {
        if (into is null)
        {
            await MakeAccessAsync(file, cancellation).ConfigureAwait(false);
        }

        // What is in a file for a vhost that is there neither now nor in the file would be nobody's.
        var vhosts = (await access.ListVhostsAsync().ConfigureAwait(false)).Select(vhost => vhost.Name).ToHashSet(StringComparer.Ordinal);
        await EachAsync(file.Exchanges, (exchange, cancel) => MakeAsync(Topology(exchange.Vhost), exchange), cancellation).ConfigureAwait(false);
        await EachAsync(file.Queues, (queue, cancel) => MakeAsync(Topology(queue.Vhost), queue), cancellation).ConfigureAwait(false);
        await EachAsync(file.Bindings, (binding, cancel) => MakeAsync(Topology(binding.Vhost), binding), cancellation).ConfigureAwait(false);
        var passedOver = (file.Policies?.Count ?? 0, file.GlobalParameters?.Count ?? 0, file.Parameters?.Count(parameter => parameter.Component != ParameterDefinition.VhostLimits) ?? 0);
        if (passedOver is not (0, 0, 0))
        {
            LogPassedOver(log, passedOver.Item1, passedOver.Item2 + passedOver.Item3);
        }

        TopologyCalls Topology(string? said)
        {
            var vhost = into ?? said ?? throw ApiException.BadRequest("A definition says no vhost: the file is of a single virtual host, and has to be imported into one");
            return vhosts.Contains(vhost)
                ? operations.Topology(user, vhost, cancellation, user.IsAdministrator ? EverythingAllowed.Instance : null)
                : throw ApiException.BadRequest($"vhost '{vhost}' does not exist");
        }
    }

    /// <summary>Users, vhosts and permissions, one after the other: one grain has them.</summary>
    private async Task MakeAccessAsync(DefinitionsFile file, CancellationToken cancellation)
    {
        foreach (var user in file.Users ?? [])
        {
            cancellation.ThrowIfCancellationRequested();
            Check($"user '{user.Name}'", await access.PutUserAsync(user.ToSettings(user.Name)).ConfigureAwait(false));
        }

        foreach (var vhost in file.Vhosts ?? [])
        {
            cancellation.ThrowIfCancellationRequested();
            Check($"vhost '{vhost.Name}'", await access.PutVhostAsync(vhost.ToSettings()).ConfigureAwait(false));
        }

        foreach (var permission in file.Permissions ?? [])
        {
            cancellation.ThrowIfCancellationRequested();
            Check($"permission of '{permission.User}'", await access.SetPermissionAsync(permission.ToPermission(permission.User ?? "", permission.Vhost ?? "")).ConfigureAwait(false));
        }

        foreach (var topic in file.TopicPermissions ?? [])
        {
            cancellation.ThrowIfCancellationRequested();
            Check($"topic permission of '{topic.User}'", await access.SetTopicPermissionAsync(topic.ToPermission(topic.User ?? "", topic.Vhost ?? "")).ConfigureAwait(false));
        }

        foreach (var parameter in file.Parameters?.Where(parameter => parameter.Component == ParameterDefinition.VhostLimits) ?? [])
        {
            cancellation.ThrowIfCancellationRequested();
            Check($"limits of vhost '{parameter.Vhost}'", await access.PutVhostAsync(
                new VhostSettings(parameter.Vhost ?? "") { Limits = LimitsJson.ToVhostLimits(LimitsOf(parameter)), When = PutCondition.IfThere }).ConfigureAwait(false));
        }
    }

    private static Dictionary<string, long> LimitsOf(ParameterDefinition parameter)
    {
        try
        {
            return parameter.Value.Deserialize(ApiJson.Default.DictionaryStringInt64) ?? [];
        }
        catch (JsonException exception)
        {
            throw ApiException.BadRequest($"limits of vhost '{parameter.Vhost}': {exception.Message}");
        }
    }

    private static void Check(string what, AccessAnswer answer)
    {
        if (!answer.IsDone)
        {
            throw ApiException.BadRequest($"{what}: {answer.Reason ?? answer.Outcome.ToString()}");
        }
    }

    [LoggerMessage(1704, LogLevel.Warning, "Definitions were imported without {Policies} policies and {Parameters} parameters, which this version does not have")]
    private static partial void LogPassedOver(ILogger logger, int policies, int parameters);

    private static Task EachAsync<T>(List<T>? all, Func<T, CancellationToken, Task> make, CancellationToken cancellation) => Parallel.ForEachAsync(
        all ?? [], new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellation }, (each, cancel) => new ValueTask(make(each, cancel)));

    private static async Task MakeAsync(TopologyCalls topology, ExchangeDefinition exchange)
    {
        ShortName.Check("exchange", exchange.Name);

        // RabbitMQ exports none of these; other files may have them.
        if (exchange.Name.Length > 0 && !exchange.Name.StartsWith("amq.", StringComparison.Ordinal))
        {
            Check($"exchange '{exchange.Name}'", await topology.DeclareExchangeAsync(
                exchange.Name, new ExchangeDeclaration(exchange.Type, exchange.Durable, exchange.AutoDelete, exchange.Internal, EncodedTable.From(exchange.Arguments)))
                .ConfigureAwait(false));
        }
    }

    private static async Task MakeAsync(TopologyCalls topology, QueueDefinition queue)
    {
        ShortName.Check("queue", queue.Name);
        var arguments = queue is { Type: not (null or "classic") } && !queue.Arguments.ContainsKey(TypeArgument)
            ? queue.Arguments.With(TypeArgument, queue.Type)
            : queue.Arguments;
        if (queue.Name.Length == 0)
        {
            throw ApiException.BadRequest("A queue has no name");
        }

        var (_, answer) = await topology.DeclareQueueAsync(queue.Name, queue.Durable, isExclusive: false, queue.AutoDelete, EncodedTable.From(arguments)).ConfigureAwait(false);
        Check($"queue '{queue.Name}'", answer.Error);
    }

    private static async Task MakeAsync(TopologyCalls topology, BindingDefinition binding)
    {
        ShortName.Check("routing_key", binding.RoutingKey);
        var arguments = EncodedTable.From(binding.Arguments);
        if (binding.Source.Length > 0)
        {
            Check($"binding of '{binding.Source}' to '{binding.Destination}'", binding.DestinationType == "exchange"
                ? await topology.BindExchangeAsync(binding.Destination, binding.Source, binding.RoutingKey, arguments).ConfigureAwait(false)
                : await topology.BindQueueAsync(binding.Destination, binding.Source, binding.RoutingKey, arguments).ConfigureAwait(false));
        }
    }

    private static void Check(string what, BrokerError? error)
    {
        if (error is not null)
        {
            throw ApiException.BadRequest($"{what}: {ReplyText.Format(error.Code, error.Explanation)}");
        }
    }
}
