using Granary.Amqp;
using Granary.Amqp.Methods;
using Granary.Core;
using Granary.Core.Topology;
using Granary.Gateway.Amqp.DirectReply;
using Granary.Gateway.Topology;

namespace Granary.Gateway.Amqp;

/// <summary>The methods of the classes queue and exchange. What the connection sent to a queue earlier takes effect before them.</summary>
internal sealed partial class AmqpChannel
{
    private TopologyCalls Topology => Connection.Topology;

    private async ValueTask OnQueueDeclareAsync(QueueDeclare method)
    {
        const uint Id = MethodId.QueueDeclare;
        var name = Names.Clean(method.Queue);
        await DrainAsync(name, Id).ConfigureAwait(false);
        var isReplyQueue = method.Passive && ReplyAddress.IsReplyName(name);
        (name, var answer) = method.Passive
            ? (name, await Topology.DescribeQueueAsync(name).ConfigureAwait(false))
            : await Topology.DeclareQueueAsync(
                name, method.Durable, method.Exclusive, method.AutoDelete, EncodedTable.From(method.Arguments)).ConfigureAwait(false);
        Check(answer.Error, Id);
        _lastQueue = isReplyQueue ? _lastQueue : name;
        if (!method.NoWait)
        {
            Connection.Send(Number, new QueueDeclareOk(name, Count(answer.Messages), (uint)answer.Consumers));
        }
    }

    private async ValueTask OnQueueBindAsync(QueueBind method)
    {
        const uint Id = MethodId.QueueBind;
        var name = QueueOrLast(method.Queue, Id);
        var key = KeyOrQueue(method.RoutingKey, method.Queue, name);
        Check(await Topology.BindQueueAsync(name, method.Exchange, key, EncodedTable.From(method.Arguments)).ConfigureAwait(false), Id);
        if (!method.NoWait)
        {
            Connection.Send(Number, new QueueBindOk());
        }
    }

    private async ValueTask OnQueueUnbindAsync(QueueUnbind method)
    {
        const uint Id = MethodId.QueueUnbind;
        var name = QueueOrLast(method.Queue, Id);
        var key = KeyOrQueue(method.RoutingKey, method.Queue, name);
        Check(await Topology.UnbindQueueAsync(name, method.Exchange, key, EncodedTable.From(method.Arguments)).ConfigureAwait(false), Id);
        Connection.Send(Number, new QueueUnbindOk());
    }

    private async ValueTask OnQueuePurgeAsync(QueuePurge method)
    {
        const uint Id = MethodId.QueuePurge;
        var name = QueueOrLast(method.Queue, Id);
        await DrainAsync(name, Id).ConfigureAwait(false);
        var answer = await Topology.PurgeQueueAsync(name).ConfigureAwait(false);
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
            var answer = await Topology.DeleteQueueAsync(name, method.IfUnused, method.IfEmpty).ConfigureAwait(false);
            Check(answer.Error, Id);
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
        var declaration = new ExchangeDeclaration(method.Type, method.Durable, method.AutoDelete, method.Internal, EncodedTable.From(method.Arguments));
        var asked = method.Passive ? Topology.CheckExchangeAsync(method.Exchange) : Topology.DeclareExchangeAsync(method.Exchange, declaration);
        Check(await asked.ConfigureAwait(false), MethodId.ExchangeDeclare);
        if (!method.NoWait)
        {
            Connection.Send(Number, new ExchangeDeclareOk());
        }
    }

    private async ValueTask OnExchangeDeleteAsync(ExchangeDelete method)
    {
        Check(await Topology.DeleteExchangeAsync(method.Exchange, method.IfUnused).ConfigureAwait(false), MethodId.ExchangeDelete);
        if (!method.NoWait)
        {
            Connection.Send(Number, new ExchangeDeleteOk());
        }
    }

    private async ValueTask OnExchangeBindAsync(ExchangeBind method)
    {
        var bound = Topology.BindExchangeAsync(method.Destination, method.Source, method.RoutingKey, EncodedTable.From(method.Arguments));
        Check(await bound.ConfigureAwait(false), MethodId.ExchangeBind);
        if (!method.NoWait)
        {
            Connection.Send(Number, new ExchangeBindOk());
        }
    }

    private async ValueTask OnExchangeUnbindAsync(ExchangeUnbind method)
    {
        var unbound = Topology.UnbindExchangeAsync(method.Destination, method.Source, method.RoutingKey, EncodedTable.From(method.Arguments));
        Check(await unbound.ConfigureAwait(false), MethodId.ExchangeUnbind);
        if (!method.NoWait)
        {
            Connection.Send(Number, new ExchangeUnbindOk());
        }
    }

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

    // Who says neither means the last queue by its name.
    private static string KeyOrQueue(string key, string givenQueue, string queue) => givenQueue.Length == 0 && key.Length == 0 ? queue : key;

    // The wire has 32 bits for a count.
    private static uint Count(long messages) => (uint)Math.Min(messages, uint.MaxValue);
}
