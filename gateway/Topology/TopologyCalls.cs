using Granary.Amqp;
using Granary.Core;
using Granary.Core.Access;
using Granary.Core.Grains;
using Granary.Core.Routing;
using Granary.Core.Topology;
using Granary.Gateway.Access;
using Granary.Gateway.Amqp;
using Granary.Gateway.Amqp.Connections;
using Granary.Gateway.Amqp.DirectReply;
using Granary.Gateway.Links;

namespace Granary.Gateway.Topology;

/// <summary>
/// What clients may ask of queues, exchanges and bindings, in AMQP and over gRPC, for one client in one virtual host. Refusals are answers, with RabbitMQ's
/// texts: nothing is thrown because of them. Line breaks are taken off all names first, and then rights are looked at, before anybody is asked whether there is such a
/// queue or exchange.
/// </summary>
/// <param name="rights">What the client may do.</param>
/// <param name="limits">Null where no vhost has one.</param>
/// <param name="exclusive">The client's exclusive queues, which go when it does; null if it cannot have any.</param>
internal sealed class TopologyCalls(GrainCalls grains, ConnectionId client, ReplyRegistry replies, ClientRights rights, ExclusiveQueues? exclusive = null, QueueLimits? limits = null)
{
    private static readonly TimeSpan LookAgainAfter = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestMove = TimeSpan.FromSeconds(10);
    private static readonly BrokerError DefaultExchange = new(ReplyCode.AccessRefused, "operation not permitted on the default exchange");
    private static readonly BrokerError ReplyQueue = new(ReplyCode.AccessRefused, "cannot bind or unbind to a volatile (direct reply-to) queue");

    /// <summary>Creates the queue, or checks that the existing one is equivalent.</summary>
    /// <param name="name">Empty: the broker makes a name.</param>
    /// <param name="isImported">It comes from a file, where a queue that is there may have a name that the broker made.</param>
    /// <returns>The queue's name, and what it says.</returns>
    public async ValueTask<(string Name, QueueAnswer Answer)> DeclareQueueAsync(
        string name, bool durable, bool isExclusive, bool autoDelete, EncodedTable arguments, bool isImported = false)
    {
        name = Names.Clean(name);
        var isGenerated = name.Length == 0;
        if (!isImported && name.StartsWith(BrokerError.ReservedPrefix, StringComparison.Ordinal))
        {
            // Also of a queue that is there (rabbit_channel: check_name).
            return (name, QueueAnswer.Refused(BrokerError.ReservedName("queue", name)));
        }

        if (isGenerated)
        {
            name = Names.Generate("amq.gen-");
        }

        var (refusal, vhost) = await RefuseDeclareAsync(name, arguments).ConfigureAwait(false);
        if (refusal is not null)
        {
            return (name, QueueAnswer.Refused(refusal));
        }

        if (vhost?.DefaultQueueType is { } standardType && durable && !isExclusive && !autoDelete)
        {
            // Other queues can be classic ones alone, whatever the vhost has (rabbit_amqqueue:augment_declare_args).
            arguments = WithType(arguments, standardType);
        }

        var declaration = new QueueDeclaration(client, durable, isExclusive, autoDelete, arguments, isGenerated);
        return (name, vhost?.Limits.MaxQueues is >= 0 and var most && limits is not null && (isGenerated || await IsMissingAsync(name).ConfigureAwait(false))
            ? await limits.DeclareAsync(grains.Vhost, name, most, () => DeclareAsync(name, declaration), grains.Aborted).ConfigureAwait(false)
            : await DeclareAsync(name, declaration).ConfigureAwait(false));
    }

    private async ValueTask<QueueAnswer> DeclareAsync(string name, QueueDeclaration declaration)
    {
        if (!declaration.Exclusive || exclusive is null)
        {
            return await grains.QueueAsync(
                name,
                queue => declaration.ReservedNameAllowed ? NearCaller.Ask(() => queue.DeclareAsync(declaration)) : queue.DeclareAsync(declaration)).ConfigureAwait(false);
        }

        // Before the call: if its answer is lost, the queue still goes with the client. Deleting one that is not the client's is refused.
        var isNewlyOwned = exclusive.Add(name);
        var answer = await grains.QueueAsync(name, queue => exclusive.Follow(NearCaller.Ask(() => queue.DeclareAsync(declaration)))).ConfigureAwait(false);
        if (answer.Error is { IsOutOfReach: false } && isNewlyOwned)
        {
            exclusive.Remove(name);
        }
        else if (answer.Error is null)
        {
            exclusive.Note(name, answer.Incarnation);
        }

        return answer;
    }

    private async ValueTask<bool> IsMissingAsync(string queue) =>
        (await grains.QueueAsync(queue, there => there.DescribeAsync(client)).ConfigureAwait(false)).Error is { SaysMissing: true };

    /// <summary>How many messages and consumers a queue has. A reply address has one consumer, who waits for the reply.</summary>
    public async ValueTask<QueueAnswer> DescribeQueueAsync(string name)
    {
        name = Names.Clean(name);
        if (!ReplyAddress.IsReplyName(name))
        {
            if (await MayAsync(may => may.CheckAnyOfQueue(name)).ConfigureAwait(false) is { } refusal)
            {
                return QueueAnswer.Refused(refusal);
            }

            return name.Length == 0 ? NoQueue(name) : await grains.QueueAsync(name, queue => queue.DescribeAsync(client)).ConfigureAwait(false);
        }

        return name == ReplyAddress.PseudoQueueName || await replies.IsWaitingAsync(name).ConfigureAwait(false)
            ? new QueueAnswer(Error: null, Messages: 0, Consumers: 1, Incarnation: default, Durable: false)
            : NoQueue(name);
    }

    /// <returns>How many messages went with the queue; none if it was not there.</returns>
    public async ValueTask<QueueAnswer> DeleteQueueAsync(string name, bool ifUnused, bool ifEmpty)
    {
        name = Names.Clean(name);
        if (await MayAsync(may => may.CheckQueue(Right.Configure, name)).ConfigureAwait(false) is { } refusal)
        {
            return QueueAnswer.Refused(refusal);
        }

        var answer = await grains.QueueAsync(name, queue => queue.DeleteAsync(client, ifUnused, ifEmpty)).ConfigureAwait(false);
        if (answer.Error is null)
        {
            exclusive?.Remove(name);
        }

        return answer;
    }

    /// <summary>Has a queue go to another silo. Completes when it is there; one that is there already stays.</summary>
    /// <returns>Why it is not there, or null.</returns>
    public async ValueTask<BrokerError?> MoveQueueAsync(string name, SiloAddress silo)
    {
        name = Names.Clean(name);
        for (var pause = LookAgainAfter; ; pause *= 2)
        {
            var place = await grains.QueueAsync(name, queue => queue.MoveAsync(silo)).ConfigureAwait(false);
            if (place.Error is not null || silo.Equals(place.Silo))
            {
                return place.Error;
            }

            // It goes when it has stored what it has in memory.
            if (pause > LongestMove)
            {
                return BrokerError.QueueOutOfReach(grains.Vhost, name);
            }

            await grains.PauseAsync(pause).ConfigureAwait(false);
        }
    }

    /// <returns>How many messages were removed.</returns>
    public async ValueTask<QueueAnswer> PurgeQueueAsync(string name)
    {
        name = Names.Clean(name);
        return await MayAsync(may => may.CheckQueue(Right.Read, name)).ConfigureAwait(false) is { } refusal
            ? QueueAnswer.Refused(refusal)
            : await grains.QueueAsync(name, queue => queue.PurgeAsync(client)).ConfigureAwait(false);
    }

    /// <summary>Binds a queue to an exchange. Everything that is published after the answer takes the binding into account.</summary>
    public async ValueTask<BrokerError?> BindQueueAsync(string name, string source, string routingKey, EncodedTable arguments)
    {
        (name, source) = (Names.Clean(name), Names.Clean(source));
        if (await RefuseBindingAsync(name, source, routingKey).ConfigureAwait(false) is { } refusal)
        {
            return refusal;
        }

        var queue = await grains.QueueAsync(name, queue => queue.AddBindingSourceAsync(client, source)).ConfigureAwait(false);
        return queue.Error is { } error ? await FirstOfAsync(source, error).ConfigureAwait(false) : await grains.ExchangeAsync(
            source, exchange => exchange.BindAsync(ToQueue(name, queue.Incarnation, routingKey, arguments), queue.Durable)).ConfigureAwait(false);
    }

    /// <summary>
    /// Removes a binding. Nothing to remove is no error: a queue that is not there has no bindings, and of a queue that is another client's own only a
    /// binding that is there is refused.
    /// </summary>
    public async ValueTask<BrokerError?> UnbindQueueAsync(string name, string source, string routingKey, EncodedTable arguments)
    {
        (name, source) = (Names.Clean(name), Names.Clean(source));
        if (await RefuseBindingAsync(name, source, routingKey).ConfigureAwait(false) is { } refusal)
        {
            return refusal;
        }

        var queue = await grains.QueueAsync(name, queue => queue.DescribeAsync(client)).ConfigureAwait(false);
        var binding = ToQueue(name, queue.Incarnation, routingKey, arguments);
        return queue.Error switch
        {
            null => UnlessMissing(await grains.ExchangeAsync(source, exchange => exchange.UnbindAsync(binding)).ConfigureAwait(false)),
            { Code: ReplyCode.ResourceLocked } locked =>
                await grains.ExchangeAsync(source, exchange => RefuseIfThereAsync(exchange, binding, locked)).ConfigureAwait(false),
            var error => UnlessMissing(error),
        };
    }

    /// <summary>Creates the exchange, or checks that the existing one is equivalent.</summary>
    public async ValueTask<BrokerError?> DeclareExchangeAsync(string name, ExchangeDeclaration declaration)
    {
        name = Names.Clean(name);
        return ExchangeRules.CheckType(declaration.Type)
            ?? RefuseDefault(name)
            ?? await RefuseDeclareAsync(name, declaration).ConfigureAwait(false)
            ?? await grains.ExchangeAsync(name, exchange => exchange.DeclareAsync(declaration)).ConfigureAwait(false);
    }

    /// <summary>404 if the exchange does not exist.</summary>
    public async ValueTask<BrokerError?> CheckExchangeAsync(string name)
    {
        name = Names.Clean(name);
        return RefuseDefault(name)
            ?? await MayAsync(may => may.CheckAnyOfExchange(name)).ConfigureAwait(false)
            ?? await grains.ExchangeAsync(name, static exchange => exchange.CheckAsync()).ConfigureAwait(false);
    }

    /// <summary>Deletes an exchange with its bindings. One that is not there is fine.</summary>
    public async ValueTask<BrokerError?> DeleteExchangeAsync(string name, bool ifUnused)
    {
        name = Names.Clean(name);
        return RefuseDefault(name)
            ?? ExchangeRules.CheckDeletable(grains.Vhost, name)
            ?? await MayAsync(may => may.CheckExchange(Right.Configure, name)).ConfigureAwait(false)
            ?? await grains.ExchangeAsync(name, exchange => exchange.DeleteAsync(ifUnused)).ConfigureAwait(false);
    }

    /// <summary>Binds an exchange to another. Everything that is published after the answer takes the binding into account.</summary>
    public async ValueTask<BrokerError?> BindExchangeAsync(string name, string source, string routingKey, EncodedTable arguments)
    {
        (name, source) = (Names.Clean(name), Names.Clean(source));
        if (await RefuseExchangeBindingAsync(name, source, routingKey).ConfigureAwait(false) is { } refusal)
        {
            return refusal;
        }

        var destination = await grains.ExchangeAsync(name, exchange => exchange.AddBindingSourceAsync(source)).ConfigureAwait(false);
        return destination.Error is { } error ? await FirstOfAsync(source, error).ConfigureAwait(false) : await grains.ExchangeAsync(
            source,
            exchange => exchange.BindAsync(ToExchange(name, destination.Incarnation, routingKey, arguments), destination.Durable)).ConfigureAwait(false);
    }

    /// <summary>Removes a binding. Nothing to remove is no error.</summary>
    public async ValueTask<BrokerError?> UnbindExchangeAsync(string name, string source, string routingKey, EncodedTable arguments)
    {
        (name, source) = (Names.Clean(name), Names.Clean(source));
        if (await RefuseExchangeBindingAsync(name, source, routingKey).ConfigureAwait(false) is { } refusal)
        {
            return refusal;
        }

        var binding = ToExchange(name, default, routingKey, arguments);
        return UnlessMissing(await grains.ExchangeAsync(source, exchange => exchange.UnbindAsync(binding)).ConfigureAwait(false));
    }

    /// <summary>A source that is not there is told before anything that is wrong with the destination (rabbit_db_binding).</summary>
    private async ValueTask<BrokerError> FirstOfAsync(string source, BrokerError ofDestination) => ofDestination.IsOutOfReach
        ? ofDestination
        : await grains.ExchangeAsync(source, static exchange => exchange.CheckAsync()).ConfigureAwait(false) ?? ofDestination;

    private ValueTask<BrokerError?> MayAsync(Func<Rights, BrokerError?> check) => rights.CheckAsync(check, grains.Aborted);

    /// <summary>A queue that dead-letters takes from itself and publishes there: who declares it has to be allowed both, unless it is there already.</summary>
    private async ValueTask<(BrokerError? Refusal, Vhost? Vhost)> RefuseDeclareAsync(string name, EncodedTable arguments)
    {
        var target = TextOf(arguments, "x-dead-letter-exchange");
        BrokerError? onlyIfNew = null;
        Vhost? vhost = null;
        var refusal = await MayAsync(may =>
        {
            vhost = may.Vhost;
            onlyIfNew = target is null ? null : may.CheckQueue(Right.Read, name) ?? may.CheckExchange(Right.Write, target);
            return may.CheckQueue(Right.Configure, name);
        }).ConfigureAwait(false);
        if (refusal is null && onlyIfNew is not null && await IsMissingAsync(name).ConfigureAwait(false))
        {
            refusal = onlyIfNew;
        }

        return (refusal, vhost);
    }

    private static EncodedTable WithType(EncodedTable arguments, string type)
    {
        const string Type = "x-queue-type";
        var decoded = arguments.Decode();
        return decoded.ContainsKey(Type) ? arguments : EncodedTable.From(decoded.With(Type, type));
    }

    /// <summary>As for a queue, with the alternate exchange.</summary>
    private async ValueTask<BrokerError?> RefuseDeclareAsync(string name, ExchangeDeclaration declaration)
    {
        var alternate = TextOf(declaration.Arguments, "alternate-exchange");
        BrokerError? onlyIfNew = null;
        var refusal = await MayAsync(may =>
        {
            onlyIfNew = alternate is null ? null : may.CheckExchange(Right.Read, name) ?? may.CheckExchange(Right.Write, alternate);
            return may.CheckExchange(Right.Configure, name);
        }).ConfigureAwait(false);
        return refusal is null && onlyIfNew is not null && await grains.ExchangeAsync(name, static exchange => exchange.CheckAsync()).ConfigureAwait(false) is { SaysMissing: true }
            ? onlyIfNew
            : refusal;
    }

    private static string? TextOf(EncodedTable arguments, string name) =>
        !arguments.IsEmpty && arguments.Decode().TryGetValue(name, out var value) && value.TryGetText(out var text) ? text : null;

    private async ValueTask<BrokerError?> RefuseBindingAsync(string queue, string source, string routingKey) =>
        ReplyAddress.IsReplyName(queue) ? ReplyQueue
        : await MayAsync(may => may.CheckQueue(Right.Write, queue) ?? RefuseDefault(source) ?? may.CheckExchange(Right.Read, source)).ConfigureAwait(false)
            ?? await RefuseTopicAsync(source, routingKey).ConfigureAwait(false);

    private async ValueTask<BrokerError?> RefuseExchangeBindingAsync(string name, string source, string routingKey) =>
        await MayAsync(may => may.CheckExchange(Right.Write, name) ?? RefuseDefault(name) ?? RefuseDefault(source) ?? may.CheckExchange(Right.Read, source))
            .ConfigureAwait(false)
        ?? await RefuseTopicAsync(source, routingKey).ConfigureAwait(false);

    // The type of the exchange matters to those alone who have a topic permission for its name.
    private async ValueTask<BrokerError?> RefuseTopicAsync(string source, string routingKey)
    {
        var refusal = await MayAsync(may => may.CheckTopic(Right.Read, source, routingKey)).ConfigureAwait(false);
        if (refusal is null or { IsOutOfReach: true })
        {
            return refusal;
        }

        return await grains.ExchangeAsync(
            source,
            async exchange => await exchange.DescribeAsync().ConfigureAwait(false) is { Type: ExchangeTypes.Topic } ? refusal : null).ConfigureAwait(false);
    }

    private static BrokerError? RefuseDefault(string exchange) => exchange.Length == 0 ? DefaultExchange : null;

    private QueueAnswer NoQueue(string name) => QueueAnswer.Refused(BrokerError.NoQueue(grains.Vhost, name));

    // Whichever queue of that name the binding is for.
    private static async ValueTask<BrokerError?> RefuseIfThereAsync(IExchangeGrain exchange, Binding binding, BrokerError refusal)
    {
        var arguments = ExchangeRules.Sorted(binding.Arguments);
        var bindings = await exchange.ListBindingsAsync().ConfigureAwait(false);
        return bindings.Any(there =>
            there.Destination.Kind == DestinationKind.Queue && there.Destination.Name == binding.Destination.Name
            && there.RoutingKey == binding.RoutingKey && there.Arguments == arguments)
            ? refusal
            : null;
    }

    private static Binding ToQueue(string name, Guid incarnation, string routingKey, EncodedTable arguments) =>
        new(new Destination(DestinationKind.Queue, name, incarnation), routingKey, arguments);

    private static Binding ToExchange(string name, Guid incarnation, string routingKey, EncodedTable arguments) =>
        new(new Destination(DestinationKind.Exchange, name, incarnation), routingKey, arguments);

    private static BrokerError? UnlessMissing(BrokerError? error) => error?.SaysMissing == true ? null : error;
}
