using Granary.Core.Figures;
using Granary.Core.Health;
using Granary.Core.Links;
using Granary.Core.Policies;
using Granary.Core.Transactions;
using Granary.Silo.Access;
using Granary.Silo.DeadLetters;
using Granary.Silo.Exchanges;
using Granary.Silo.Placement;
using Granary.Silo.Policies;
using Granary.Silo.Queues.Activation;
using Granary.Silo.Queues.Figures;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Definitions;
using Granary.Silo.Transactions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Hosting;

/// <summary>Puts the grains of queues and exchanges into a silo.</summary>
public static class SiloHosting
{
    public static ISiloBuilder AddQueuesAndExchanges(this ISiloBuilder silo)
    {
        ArgumentNullException.ThrowIfNull(silo);
        silo.Services.TryAddSingleton(TimeProvider.System);
        silo.AddSpreadPlacement();
        silo.Services.TryAddSingleton<LocalQueues>();
        silo.Services.TryAddSingleton<LocalExchanges>();
        silo.Services.AddPolicies();
        silo.Services.AddSingleton<IPolicyFollower, PolicyTurns>();
        silo.Services.TryAddSingleton<UnusedQueues>();
        silo.Services.TryAddSingleton(provider => new StoredTopology(
            provider.GetRequiredService<GroupCommit>, provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<StoredTopology>>()));
        silo.Services.AddSingleton<IFigureSource, SiloFigureSource>();
        silo.Services.AddSingleton<ISampled>(provider => provider.GetRequiredService<SiloFigures>());
        silo.Services.AddSingleton<IMetricSource>(provider => provider.GetRequiredService<SiloFigures>());
        silo.Services.AddSingleton<IHistorySource>(provider => provider.GetRequiredService<SiloFigures>());
        silo.Services.TryAddSingleton<BindingRemoval>();
        silo.Services.TryAddSingleton<VhostRemoval>();
        silo.Services.TryAddSingleton(_ => new SampleTimes(Sampler.Samples));
        silo.Services.TryAddSingleton<SiloFigures>();
        silo.Services.TryAddSingleton<QueueMoves>();
        silo.Services.TryAddSingleton<QueueServices>();
        silo.Services.TryAddSingleton(provider => provider.GetRequiredService<QueueServices>().Decisions);
        silo.Services.TryAddSingleton<DeadLetterOffice>();
        silo.Services.AddHostedService(provider => provider.GetRequiredService<DeadLetterOffice>());
        return silo;
    }

    /// <summary>Has the process be ready only while its silo is one of the cluster.</summary>
    public static ISiloBuilder AddSiloHealth(this ISiloBuilder silo)
    {
        ArgumentNullException.ThrowIfNull(silo);
        silo.Services.AddHealthChecks().AddCheck<SiloHealth>("silo", tags: [HealthTags.Ready]);
        return silo;
    }

    /// <summary>Gateways in this process reach its queues without calls.</summary>
    public static ISiloBuilder AddLocalLinks(this ISiloBuilder silo)
    {
        ArgumentNullException.ThrowIfNull(silo);
        silo.Services.AddSingleton<ILocalQueues>(provider => provider.GetRequiredService<LocalQueues>());
        silo.Services.AddSingleton<ILocalTransactions>(provider => new LocalTransactions(provider.GetRequiredService<QueueServices>));
        return silo;
    }

    /// <summary>Has the silo go through what clients would otherwise notice the compiler in, when it is first needed.</summary>
    public static ISiloBuilder AddRehearsal(this ISiloBuilder silo)
    {
        ArgumentNullException.ThrowIfNull(silo);
        silo.Services.AddSingleton<DeadLetterRehearsal>();
        return silo;
    }
}
