using Granary.Amqp;
using Granary.Amqp.Methods;
using Granary.Core;
using Granary.Core.Grains;
using Granary.Core.Topology;
using Granary.Gateway.Amqp.DirectReply;

namespace Granary.Gateway.Amqp;

/// <summary>The methods of the classes queue and exchange. What the connection sent to a queue earlier takes effect before them.</summary>
internal sealed partial class AmqpChannel
{
    private async ValueTask OnQueueDeclareAsync(QueueDeclare method)
    {
        const uint Id = MethodId.QueueDeclare;
        var name = Names.Clean(method.Queue);
        if (method.Passive)
        {
            if (ReplyAddress.IsReplyName(name))
            {
                DescribeReplyQueue(name, method.NoWait);
                return;
            }

            Check(name.Length == 0 ? BrokerError.NoQueue(Links.Vhost, name) : null, Id);
        }

        var generated = name.Length == 0;
        if (generated)
        {
            name = Names.Generate("amq.gen-");
        }

        await DrainAsync(name, Id).ConfigureAwait(false);
        var declaration = new QueueDeclaration(
            Connection.Id, method.Durable, method.Exclusive, method.AutoDelete, EncodedTable.From(method.Arguments), generated);

        // Before the call: if its answer is lost, the queue still goes with the connection. Deleting one that is not ours is refused.
        var isNewlyOwned = method.Exclusive && !method.Passive && Connection.Exclusive.Add(name);
        var answer = await Grains.QueueAsync(
            name, queue => method.Passive ? queue.DescribeAsync(Connection.Id) : Declare(queue, declaration)).ConfigureAwait(false);
        if (answer.Error is { IsOutOfReach: false } && isNewlyOwned)
        {
            Connection.Exclusive.Remove(name);
        }

        Check(answer.Error, Id);
        _lastQueue = name;
        if (!method.NoWait)
        {
            Connection.Send(Number, new QueueDeclareOk(name, Count(answer.Messages), (uint)answer.Consumers));
        }
    }

    private ValueTask<QueueAnswer> Declare(IQueueGrain queue, QueueDeclaration declaration) =>
        declaration.Exclusive ? Connection.Exclusive.Follow(queue.DeclareAsync(declaration)) : queue.DeclareAsync(declaration);

    private void DescribeReplyQueue(string name, bool noWait)
    {
        if (name != ReplyAddress.PseudoQueueName && !Connection.Replies.TryFind(System.Text.Encoding.UTF8.GetBytes(name), out _))
        {
            Check(BrokerError.NoQueue(Links.Vhost, name), MethodId.QueueDeclare);
        }

        if (!noWait)
        {
            Connection.Send(Number, new QueueDeclareOk(name, 0, 1));
        }
    }

    private async ValueTask OnQueueBindAsync(QueueBind method)
    {
        const uint Id = MethodId.QueueBind;
        var name = QueueOrLast(method.Queue, Id);
        var key = method.Queue.Length == 0 && method.RoutingKey.Length == 0 ? name : method.RoutingKey;
        var source = Names.Clean(method.Exchange);
        RefuseReplyQueue(name, Id);
        RefuseDefaultExchange(source, Id);
        var added = await Grains.QueueAsync(name, queue => queue.AddBindingSourceAsync(Connection.Id, source)).ConfigureAwait(false);
        Check(added.Error, Id);
        var binding = new Binding(new Destination(DestinationKind.Queue, name, added.Incarnation), key, EncodedTable.From(method.Arguments));
        Check(await Grains.ExchangeAsync(source, exchange => exchange.BindAsync(binding, added.Durable)).ConfigureAwait(false), Id);
        if (!method.NoWait)
        {
            Connection.Send(Number, new QueueBindOk());
        }
    }

    private async ValueTask OnQueueUnbindAsync(QueueUnbind method)
    {
        const uint Id = MethodId.QueueUnbind;
        var name = QueueOrLast(method.Queue, Id);
        var key = method.Queue.Length == 0 && method.RoutingKey.Length == 0 ? name : method.RoutingKey;
        var source = Names.Clean(method.Exchange);
        RefuseReplyQueue(name, Id);
        RefuseDefaultExchange(source, Id);
        var described = await Grains.QueueAsync(name, queue => queue.DescribeAsync(Connection.Id)).ConfigureAwait(false);
        var binding = new Binding(new Destination(DestinationKind.Queue, name, described.Incarnation), key, EncodedTable.From(method.Arguments));

        // Nothing to remove is not an error: a queue that is not there has no bindings, and of another's queue only a binding that is there is locked.
        if (described.Error is null)
        {
            var error = await Grains.ExchangeAsync(source, exchange => exchange.UnbindAsync(binding)).ConfigureAwait(false);
            Check(error?.SaysMissing == true ? null : error, Id);
        }
        else if (described.Error.Code == ReplyCode.ResourceLocked)
        {
            Check(await Grains.ExchangeAsync(source, exchange => RefuseIfThereAsync(exchange, binding, described.Error)).ConfigureAwait(false), Id);
        }
        else
        {
            Check(described.Error.SaysMissing ? null : described.Error, Id);
        }

        Connection.Send(Number, new QueueUnbindOk());
    }

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

    private async ValueTask OnQueuePurgeAsync(QueuePurge method)
    {
        const uint Id = MethodId.QueuePurge;
        var name = QueueOrLast(method.Queue, Id);
        await DrainAsync(name, Id).ConfigureAwait(false);
        var answer = await Grains.QueueAsync(name, queue => queue.PurgeAsync(Connection.Id)).ConfigureAwait(false);
        Check(answer.Error, Id);
        if (!method.NoWait)
        {
            Connection.Send(Number, new QueuePurgeOk(Count(answer.Messages)));
        }
    }

    private async ValueTask OnQueueDeleteAsync(QueueDelete method)
    {
        const uint Id = MethodId.QueueDelete;
        var name = QueueOrLast(method.Queue, Id);
        await DrainAsync(name, Id).ConfigureAwait(false);
        lock (Links.Gate)
        {
            _cancelsBehindDelete = [];
        }

        try
        {
            var answer = await Grains.QueueAsync(name, queue => queue.DeleteAsync(Connection.Id, method.IfUnused, method.IfEmpty)).ConfigureAwait(false);
            Check(answer.Error, Id);
            Connection.Exclusive.Remove(name);
            if (!method.NoWait)
            {
                Connection.Send(Number, new QueueDeleteOk(Count(answer.Messages)));
            }
        }
        finally
        {
            SendCancelsBehindDelete();
        }
    }

    // A channel that deletes a queue which it consumes from hears first that it is deleted, as from RabbitMQ.
    private void SendCancelsBehindDelete()
    {
        lock (Links.Gate)
        {
            foreach (var tag in _cancelsBehindDelete ?? [])
            {
                Connection.Send(Number, new BasicCancel(tag, NoWait: true));
            }

            _cancelsBehindDelete = null;
        }
    }

    private async ValueTask OnExchangeDeclareAsync(ExchangeDeclare method)
    {
        const uint Id = MethodId.ExchangeDeclare;
        var name = Names.Clean(method.Exchange);
        RefuseDefaultExchange(name, Id);
        var declaration = new ExchangeDeclaration(method.Type, method.Durable, method.AutoDelete, method.Internal, EncodedTable.From(method.Arguments));
        Check(
            await Grains.ExchangeAsync(name, exchange => method.Passive ? exchange.CheckAsync() : exchange.DeclareAsync(declaration)).ConfigureAwait(false), Id);
        if (!method.NoWait)
        {
            Connection.Send(Number, new ExchangeDeclareOk());
        }
    }

    private async ValueTask OnExchangeDeleteAsync(ExchangeDelete method)
    {
        var name = Names.Clean(method.Exchange);
        RefuseDefaultExchange(name, MethodId.ExchangeDelete);
        Check(await Grains.ExchangeAsync(name, exchange => exchange.DeleteAsync(method.IfUnused)).ConfigureAwait(false), MethodId.ExchangeDelete);
        if (!method.NoWait)
        {
            Connection.Send(Number, new ExchangeDeleteOk());
        }
    }

    private async ValueTask OnExchangeBindAsync(ExchangeBind method)
    {
        const uint Id = MethodId.ExchangeBind;
        var (name, source) = (Names.Clean(method.Destination), Names.Clean(method.Source));
        RefuseDefaultExchange(name, Id);
        RefuseDefaultExchange(source, Id);
        var destination = await Grains.ExchangeAsync(name, exchange => exchange.AddBindingSourceAsync(source)).ConfigureAwait(false);
        Check(destination.Error, Id);
        var binding = BindingTo(name, destination.Incarnation, method.RoutingKey, method.Arguments);
        Check(await Grains.ExchangeAsync(source, exchange => exchange.BindAsync(binding, destination.Durable)).ConfigureAwait(false), Id);
        if (!method.NoWait)
        {
            Connection.Send(Number, new ExchangeBindOk());
        }
    }

    private async ValueTask OnExchangeUnbindAsync(ExchangeUnbind method)
    {
        const uint Id = MethodId.ExchangeUnbind;
        var (name, source) = (Names.Clean(method.Destination), Names.Clean(method.Source));
        RefuseDefaultExchange(name, Id);
        RefuseDefaultExchange(source, Id);
        var binding = BindingTo(name, default, method.RoutingKey, method.Arguments);
        var error = await Grains.ExchangeAsync(source, exchange => exchange.UnbindAsync(binding)).ConfigureAwait(false);
        Check(error?.SaysMissing == true ? null : error, Id);
        if (!method.NoWait)
        {
            Connection.Send(Number, new ExchangeUnbindOk());
        }
    }

    private static Binding BindingTo(string exchange, Guid incarnation, string key, FieldTable arguments) =>
        new(new Destination(DestinationKind.Exchange, exchange, incarnation), key, EncodedTable.From(arguments));

    // An empty name means the queue that this channel declared last.
    private string QueueOrLast(string name, uint method)
    {
        if (name.Length > 0)
        {
            return Names.Clean(name);
        }

        Check(_lastQueue is null ? new BrokerError(ReplyCode.NotFound, "no previously declared queue") : null, method);
        return _lastQueue!;
    }

    private static void RefuseDefaultExchange(string exchange, uint method) =>
        Check(exchange.Length == 0 ? new BrokerError(ReplyCode.AccessRefused, "operation not permitted on the default exchange") : null, method);

    private static void RefuseReplyQueue(string queue, uint method) => Check(
        ReplyAddress.IsReplyName(queue)
            ? new BrokerError(ReplyCode.AccessRefused, "cannot bind or unbind to a volatile (direct reply-to) queue")
            : null,
        method);

    // The wire has 32 bits for a count.
    private static uint Count(long messages) => (uint)Math.Min(messages, uint.MaxValue);
}
