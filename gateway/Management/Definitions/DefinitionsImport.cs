using System.Collections.Concurrent;
using Granary.Amqp;
using Granary.Core;
using Granary.Core.Access;
using Granary.Core.Policies;
using Granary.Core.Topology;
using Granary.Gateway.Access;
using Granary.Gateway.Management.Frame;
using Granary.Gateway.Management.Policies;
using Granary.Gateway.Policies;
using Granary.Gateway.Topology;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Management.Definitions;

/// <summary>
/// Makes what a definitions file says, in the order of RabbitMQ's import: what others build on first, many at once of each kind. What is there already and is the
/// same stays; nothing is deleted. A binding of what is neither in the file nor in the broker is passed over: RabbitMQ exports no internal exchanges, but their bindings.
/// </summary>
internal sealed partial class DefinitionsImport(ApiOperations operations, AccessCalls access, PolicyCalls policies, ILogger<DefinitionsImport> log)
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

        // Before the queues: limits hold from the first message on.
        await MakePoliciesAsync(file, into, vhosts, user).ConfigureAwait(false);
        await EachAsync(file.Queues, (queue, cancel) => MakeAsync(Topology(queue.Vhost), queue), cancellation).ConfigureAwait(false);
        var passedOver = new ConcurrentQueue<string>();
        await EachAsync(file.Bindings, (binding, cancel) => MakeAsync(Topology(binding.Vhost), binding, passedOver), cancellation).ConfigureAwait(false);
        if (passedOver.TryPeek(out var first))
        {
            LogPassedOver(passedOver.Count, first);
        }

        TopologyCalls Topology(string? said) =>
            operations.Topology(user, VhostOf(said, into, vhosts), cancellation, user.IsAdministrator ? EverythingAllowed.Instance : null);
    }

    private static string VhostOf(string? said, string? into, HashSet<string> vhosts)
    {
        var vhost = into ?? said ?? throw ApiException.BadRequest("A definition says no vhost: the file is of a single virtual host, and has to be imported into one");
        return vhosts.Contains(vhost) ? vhost : throw ApiException.BadRequest($"vhost '{vhost}' does not exist");
    }

    /// <summary>All of them in one change, but for the limits of vhosts.</summary>
    private async Task MakePoliciesAsync(DefinitionsFile file, string? into, HashSet<string> vhosts, ApiUser user)
    {
        List<Policy> made = [.. (file.Policies ?? []).Select(policy => policy.ToPolicy(VhostOf(policy.Vhost, into, vhosts), policy.Name ?? "", isOperator: false))];
        List<Parameter> kept = [];
        if (into is null)
        {
            kept.AddRange((file.GlobalParameters ?? []).Select(static parameter => Parameter.Global(parameter.Name ?? "", JsonTerm.Normal(parameter.Value))));
        }

        foreach (var parameter in file.Parameters ?? [])
        {
            var (vhost, name) = (VhostOf(parameter.Vhost, into, vhosts), parameter.Name ?? "");
            var isLimit = parameter.Component is ParameterRules.OperatorPolicy or ParameterRules.VhostLimits;
            if (isLimit && user.Refusal(Need.Administrator) is { } refusal)
            {
                throw ApiException.NotAuthorised(refusal);
            }

            switch (parameter.Component)
            {
                case ParameterRules.OperatorPolicy:
                    made.Add(ParameterRules.ToPolicy(vhost, name, parameter.Value));
                    break;
                case ParameterRules.VhostLimits:
                    Check($"limits of vhost '{vhost}'", await access.PutVhostAsync(
                        new VhostSettings(vhost) { Limits = ParameterRules.ToLimits(name, parameter.Value), When = PutCondition.IfThere }).ConfigureAwait(false));
                    break;
                default:
                    kept.Add(ParameterRules.ToParameter(vhost, parameter.Component ?? "", name, parameter.Value));
                    break;
            }
        }

        if (made.Count + kept.Count > 0)
        {
            await policies.PutAsync([.. made], [.. kept]).ConfigureAwait(false);
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
    }

    private static void Check(string what, AccessAnswer answer)
    {
        if (!answer.IsDone)
        {
            throw ApiException.BadRequest($"{what}: {answer.Reason ?? answer.Outcome.ToString()}");
        }
    }

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

        var (_, answer) = await topology.DeclareQueueAsync(queue.Name, queue.Durable, isExclusive: false, queue.AutoDelete, EncodedTable.From(arguments), isImported: true).ConfigureAwait(false);
        Check($"queue '{queue.Name}'", answer.Error);
    }

    private static async Task MakeAsync(TopologyCalls topology, BindingDefinition binding, ConcurrentQueue<string> passedOver)
    {
        ShortName.Check("routing_key", binding.RoutingKey);
        var arguments = EncodedTable.From(binding.Arguments);
        if (binding.Source.Length == 0)
        {
            return;
        }

        var error = binding.DestinationType == "exchange"
            ? await topology.BindExchangeAsync(binding.Destination, binding.Source, binding.RoutingKey, arguments).ConfigureAwait(false)
            : await topology.BindQueueAsync(binding.Destination, binding.Source, binding.RoutingKey, arguments).ConfigureAwait(false);
        var what = $"binding of '{binding.Source}' to '{binding.Destination}'";
        if (error is { SaysMissing: true })
        {
            passedOver.Enqueue($"{what}: {error.Explanation}");
            return;
        }

        Check(what, error);
    }

    private static void Check(string what, BrokerError? error)
    {
        if (error is not null)
        {
            var reason = $"{what}: {ReplyText.Format(error.Code, error.Explanation)}";
            throw error.IsOutOfReach ? new ApiException(StatusCodes.Status503ServiceUnavailable, "service_unavailable", reason) : ApiException.BadRequest(reason);
        }
    }

    [LoggerMessage(1731, LogLevel.Warning, "{Count} bindings of imported definitions were passed over, for what they bind is neither in the file nor here; the first is the {Binding}")]
    private partial void LogPassedOver(int count, string binding);
}
