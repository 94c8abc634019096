using Granary.Core;
using Granary.Core.Grains;
using Granary.Core.Routing;
using Granary.Core.Topology;

namespace Granary.Gateway.Tests.Fakes;

/// <summary>A fanout exchange that is asked for its bindings only.</summary>
internal sealed class FakeExchange : IExchangeGrain
{
    private string[] _queues = [];
    private int _watches;

    /// <summary>How often its state was asked for.</summary>
    public int Watches => Volatile.Read(ref _watches);

    public void Bind(params string[] queues) => _queues = queues;

    public ValueTask<ExchangeSnapshot?> WatchAsync(Guid holder, long session, IExchangeObserver observer)
    {
        Interlocked.Increment(ref _watches);
        return new ValueTask<ExchangeSnapshot?>(new ExchangeSnapshot(
            Guid.NewGuid(), 0, new ExchangeDeclaration(ExchangeTypes.Fanout, false, false, false, default), null,
            [.. _queues.Select(queue => new Binding(new Destination(DestinationKind.Queue, queue, default), "", default))]));
    }

    public ValueTask<bool> RenewAsync(Guid holder, long session, Guid epoch) => new(true);

    public ValueTask UnwatchAsync(Guid holder, long session) => ValueTask.CompletedTask;

    public ValueTask<BrokerError?> DeclareAsync(ExchangeDeclaration declaration) => throw new NotSupportedException();

    public ValueTask<BrokerError?> CheckAsync() => throw new NotSupportedException();

    public ValueTask<BrokerError?> DeleteAsync(bool ifUnused) => throw new NotSupportedException();

    public ValueTask<BrokerError?> BindAsync(Binding binding, bool toDurable) => throw new NotSupportedException();

    public ValueTask<BrokerError?> UnbindAsync(Binding binding) => throw new NotSupportedException();

    public ValueTask RemoveDestinationAsync(Destination destination) => throw new NotSupportedException();

    public ValueTask WakeAsync() => throw new NotSupportedException();

    public ValueTask RemoveAsync() => throw new NotSupportedException();

    public ValueTask<ExchangeDeclaration?> DescribeAsync() => throw new NotSupportedException();

    public ValueTask<ExchangeAnswer> AddBindingSourceAsync(string exchange) => throw new NotSupportedException();

    public ValueTask<OwnQueueAnswer> FindOwnQueueAsync() => throw new NotSupportedException();

    public ValueTask<Binding[]> ListBindingsAsync() => throw new NotSupportedException();
}
