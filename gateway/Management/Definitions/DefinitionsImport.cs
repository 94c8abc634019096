using Granary.Amqp;
using Granary.Core;
using Granary.Core.Topology;
using Granary.Gateway.Management.Frame;
using Granary.Gateway.Topology;

namespace Granary.Gateway.Management.Definitions;

/// <summary>
/// Makes what a definitions file says, in the order of RabbitMQ's import: what others build on first, many at once of each kind. What is there already and is the
/// same stays; nothing is deleted.
/// </summary>
internal sealed class DefinitionsImport(ApiOperations operations)
{
    private const int AtOnce = 64;
    private const string TypeArgument = "x-queue-type";

    /// <param name="into">The vhost that all of it is for; null: each definition says it.</param>
    /// <exception cref="ApiException">What is in the file and cannot be made.</exception>
    public async Task RunAsync(DefinitionsFile file, string? into, ApiUser user, CancellationToken cancellation)
    {
        await EachAsync(file.Exchanges, (exchange, cancel) => MakeAsync(Topology(exchange.Vhost), exchange), cancellation).ConfigureAwait(false);
        await EachAsync(file.Queues, (queue, cancel) => MakeAsync(Topology(queue.Vhost), queue), cancellation).ConfigureAwait(false);
        await EachAsync(file.Bindings, (binding, cancel) => MakeAsync(Topology(binding.Vhost), binding), cancellation).ConfigureAwait(false);

        TopologyCalls Topology(string? vhost) => operations.Topology(
            user, into ?? vhost ?? throw ApiException.BadRequest("A definition says no vhost: the file is of a single virtual host, and has to be imported into one"), cancellation);
    }

    private static Task EachAsync<T>(List<T>? all, Func<T, CancellationToken, Task> make, CancellationToken cancellation) => Parallel.ForEachAsync(
        all ?? [], new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellation }, (each, cancel) => new ValueTask(make(each, cancel)));

    private static async Task MakeAsync(TopologyCalls topology, ExchangeDefinition exchange)
    {
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
