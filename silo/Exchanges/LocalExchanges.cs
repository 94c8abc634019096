using System.Collections.Concurrent;
using Granary.Core.Figures;
using Granary.Core.Policies;

namespace Granary.Silo.Exchanges;

/// <summary>The exchanges that are active in this silo, so that they can be told of without a call of a grain, which would activate others.</summary>
internal sealed class LocalExchanges
{
    private readonly ConcurrentDictionary<string, ActiveExchange> _exchanges = new(StringComparer.Ordinal);

    /// <summary>Some are of names without an exchange.</summary>
    public IEnumerable<string> Keys => _exchanges.Keys;

    public void Add(string key, ActiveExchange exchange) => _exchanges[key] = exchange;

    public void Remove(string key, ActiveExchange exchange) => _exchanges.TryRemove(new(key, exchange));

    /// <summary>Completes when those that a change of policies may concern, and all who route by them, go by it.</summary>
    public Task FollowAsync(PolicyChange change) =>
        Task.WhenAll(_exchanges.Where(exchange => change.MayConcern(exchange.Key)).Select(static exchange => exchange.Value.FollowAsync()));

    /// <summary>Those that there are, and keys of those that are gone.</summary>
    public async Task<(ExchangeFigure[] There, string[] Gone)> AllAsync(bool withBindings, CancellationToken cancellation)
    {
        var all = _exchanges.ToArray();
        var figures = await Task.WhenAll(all.Select(exchange => exchange.Value.ToFigureAsync(withBindings))).WaitAsync(cancellation).ConfigureAwait(false);
        return ([.. figures.OfType<ExchangeFigure>()], [.. all.Where((_, at) => figures[at] is null).Select(exchange => exchange.Key)]);
    }
}

/// <summary>One active exchange as seen from outside of its turns.</summary>
/// <param name="run">Has its scheduler run something, between two of its turns.</param>
/// <param name="applyPolicies">To be run so: completes when all who route by the exchange go by the policies that there are now.</param>
internal sealed class ActiveExchange(string key, Exchange exchange, Action<Action> run, Func<Task> applyPolicies)
{
    /// <summary>Policies have changed.</summary>
    public Task FollowAsync()
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        run(() => _ = CompleteAsync(applyPolicies(), done));
        return done.Task;
    }

    /// <summary>Null: there is no such exchange (any more).</summary>
    public Task<ExchangeFigure?> ToFigureAsync(bool withBindings)
    {
        if (!withBindings)
        {
            return Task.FromResult(exchange.Declaration is { } declaration ? new ExchangeFigure(key, declaration, []) : null);
        }

        var figure = new TaskCompletionSource<ExchangeFigure?>(TaskCreationOptions.RunContinuationsAsynchronously);
        run(() => figure.TrySetResult(exchange.Declaration is { } declaration ? new ExchangeFigure(key, declaration, [.. exchange.Bindings]) : null));
        return figure.Task;
    }

    private static async Task CompleteAsync(Task applied, TaskCompletionSource done)
    {
        // One that ends meanwhile is gone by no more: the next activation begins with the policies that there are.
        await applied.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        done.SetResult();
    }
}
