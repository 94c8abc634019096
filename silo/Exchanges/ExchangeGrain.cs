using Granary.Core;
using Granary.Core.Grains;
using Granary.Core.Routing;
using Granary.Core.Topology;
using Microsoft.Extensions.Logging;
using Orleans.Concurrency;

namespace Granary.Silo.Exchanges;

/// <summary>
/// The grain around <see cref="Exchange"/>. No turn waits for another grain or a holder: what is owed to them runs beside the turns, and
/// only answers wait for it. State is in memory, so an activation that would lose any stays.
/// </summary>
[Reentrant]
internal sealed partial class ExchangeGrain : Grain, IExchangeGrain
{
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan RetryAfter = TimeSpan.FromMilliseconds(50);

    private readonly TimeProvider _time;
    private readonly ILogger<ExchangeGrain> _logger;
    private readonly string _vhost;
    private readonly string _key;
    private readonly SnapshotHolders _holders;
    private readonly Exchange _exchange;
    private IGrainTimer? _silenceTimer;
    private int _owed;

    public ExchangeGrain(TimeProvider time, ILogger<ExchangeGrain> logger)
    {
        _time = time;
        _logger = logger;
        _key = this.GetPrimaryKeyString();
        (_vhost, var name) = GrainKeys.Parse(_key);
        _holders = new SnapshotHolders(_key, Guid.NewGuid(), time, session => _ = SendAsync(session));
        _exchange = new Exchange(_vhost, name, Guid.NewGuid(), _holders.Add);
    }

    public ValueTask<BrokerError?> DeclareAsync(ExchangeDeclaration declaration)
    {
        var refused = _exchange.Declare(declaration, Guid.NewGuid());
        UpdateLifetime();
        return ValueTask.FromResult(refused);
    }

    public ValueTask<BrokerError?> CheckAsync() => ValueTask.FromResult(_exchange.Check());

    public async ValueTask<BrokerError?> DeleteAsync(bool ifUnused)
    {
        if (_exchange.Delete(ifUnused, out var deletion) is { } refused)
        {
            return refused;
        }

        // Bindings to this exchange should be gone when its deletion is answered, but an exchange out of reach must not hold it up for ever.
        var removed = RemoveFromSources(deletion);
        await _holders.WhenAllHaveAsync();
        await Task.WhenAny(removed, Task.Delay(SnapshotLease.Length, _time));
        return null;
    }

    public async ValueTask<BrokerError?> BindAsync(Binding binding)
    {
        var refused = _exchange.Bind(binding);
        UpdateLifetime();
        if (refused is null)
        {
            await _holders.WhenAllHaveAsync();
        }

        return refused;
    }

    public async ValueTask<BrokerError?> UnbindAsync(Binding binding)
    {
        var refused = _exchange.Unbind(binding, out var deletion);
        _ = RemoveFromSources(deletion);
        if (refused is null)
        {
            await _holders.WhenAllHaveAsync();
        }

        return refused;
    }

    public async ValueTask RemoveDestinationAsync(Destination destination)
    {
        _ = RemoveFromSources(_exchange.RemoveDestination(destination));
        await _holders.WhenAllHaveAsync();
    }

    public ValueTask<ExchangeAnswer> AddBindingSourceAsync(string exchange)
    {
        var answer = _exchange.AddSource(exchange);
        UpdateLifetime();
        return ValueTask.FromResult(answer);
    }

    public ValueTask<Binding[]> ListBindingsAsync() => ValueTask.FromResult<Binding[]>([.. _exchange.Bindings]);

    public ValueTask<ExchangeSnapshot?> WatchAsync(Guid holder, long session, IExchangeObserver observer)
    {
        var snapshot = _exchange.ToSnapshot(_holders.Epoch, _holders.Number);
        if (snapshot is not null)
        {
            _holders.Watch(holder, session, observer);
            UpdateLifetime();
        }

        return ValueTask.FromResult(snapshot);
    }

    public ValueTask<bool> RenewAsync(Guid holder, long session, Guid epoch) => ValueTask.FromResult(_holders.Renew(holder, session, epoch));

    public ValueTask UnwatchAsync(Guid holder, long session)
    {
        _holders.Unwatch(holder, session);
        UpdateLifetime();
        return ValueTask.CompletedTask;
    }

    // Beside the turns: the first delta of a turn that changes much has all its changes.
    private async Task SendAsync(HolderSession session)
    {
        await Task.Yield();
        while (_holders.NextFor(session) is { } delta)
        {
            try
            {
                _holders.Acknowledge(session, await session.Observer.ApplyAsync(delta).WaitAsync(AnswerWithin, _time));
            }
            catch (Exception error)
            {
                LogHolderDidNotAnswer(error, _key, session.Holder, delta.Number);
                _holders.DropSilent();
                await Task.Delay(RetryAfter, _time);
            }
        }

        UpdateLifetime();
    }

    private Task RemoveFromSources(ExchangeDeletion? deletion)
    {
        UpdateLifetime();
        return deletion is null ? Task.CompletedTask : Task.WhenAll(deletion.Sources.Select(source => RemoveFromSourceAsync(source, deletion.Destination)));
    }

    private async Task RemoveFromSourceAsync(string source, Destination destination)
    {
        _owed++;
        UpdateLifetime();
        for (var done = false; !done;)
        {
            try
            {
                await GrainFactory.GetGrain<IExchangeGrain>(GrainKeys.For(_vhost, source)).RemoveDestinationAsync(destination);
                done = true;
            }
            catch (Exception error)
            {
                LogSourceDidNotAnswer(error, _key, source);
                await Task.Delay(RetryAfter, _time);
            }
        }

        _owed--;
        UpdateLifetime();
    }

    private void UpdateLifetime()
    {
        DelayDeactivation(_exchange.IsPristine && _holders.IsEmpty && _owed == 0 ? TimeSpan.Zero : Timeout.InfiniteTimeSpan);
        if (_holders.IsEmpty)
        {
            _silenceTimer?.Dispose();
            _silenceTimer = null;
        }
        else
        {
            _silenceTimer ??= this.RegisterGrainTimer(
                DropSilentAsync,
                new GrainTimerCreationOptions { DueTime = SnapshotLease.Length, Period = SnapshotLease.Length, Interleave = true });
        }
    }

    private Task DropSilentAsync(CancellationToken cancellation)
    {
        _holders.DropSilent();
        UpdateLifetime();
        return Task.CompletedTask;
    }

    [LoggerMessage(3101, LogLevel.Debug, "Exchange {Exchange}: holder {Holder} did not answer to change {Number}; trying again.")]
    private partial void LogHolderDidNotAnswer(Exception error, string exchange, Guid holder, long number);

    [LoggerMessage(3102, LogLevel.Warning, "Exchange {Exchange} is deleted; removing the bindings to it from {Source} failed; trying again.")]
    private partial void LogSourceDidNotAnswer(Exception error, string exchange, string source);
}
