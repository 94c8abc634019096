using Granary.Core.Alarms;
using Granary.Core.Figures;
using Granary.Core.Health;
using Granary.Core.Storage;
using Granary.Silo.Access;
using Granary.Silo.Outbox;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Definitions;
using Granary.Silo.Storage.Postgres;
using Granary.Silo.Transactions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Granary.Silo.Hosting;

/// <summary>Gives a silo the place where messages and definitions are kept.</summary>
public static class StoreHosting
{
    private const string NobodyFromElsewhere =
        "Clients from other machines could not log in: guest is for loopback only, and there is no other user. Give the first start of a new store "
        + "--default-user with --default-pass-file (or GRANARY_DEFAULT_PASS), or --bind to a loopback address.";

    public static ISiloBuilder AddStore(this ISiloBuilder silo, StoreOptions options)
    {
        ArgumentNullException.ThrowIfNull(silo);
        ArgumentNullException.ThrowIfNull(options);
        var services = silo.Services;
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<PublisherAlarms>();
        services.AddSingleton(options);
        services.AddSingleton<StoreHome>();
        services.AddHostedService(provider => provider.GetRequiredService<StoreHome>());
        services.AddSingleton<IMetricSource>(provider => provider.GetRequiredService<StoreHome>());
        services.AddSingleton<IStoreActivity>(provider => provider.GetRequiredService<StoreHome>());
        services.AddSingleton(provider => provider.GetRequiredService<StoreHome>().Commit);
        services.AddSingleton(provider => provider.GetRequiredService<StoreHome>().Queues);
        services.AddSingleton<RowGrainStorage>();
        services.AddSingleton(provider => new DueTable(
            provider.GetRequiredService<GroupCommit>(), provider.GetRequiredService<TimeProvider>(), options.IsShared,
            provider.GetRequiredService<ILogger<DueTable>>()));
        services.AddHostedService<Waker>();
        services.AddHostedService(provider => new TransactionSweep(
            provider.GetRequiredService<GroupCommit>, provider.GetRequiredService<IGrainFactory>(), provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<TransactionSweep>>()));
        services.AddSingleton<OutboxWaiting>();
        services.AddSingleton<IMetricSource>(provider => provider.GetRequiredService<OutboxWaiting>());
        if (options.Kind == StoreKind.Postgres)
        {
            services.AddHostedService<OutboxPublisher>();
        }

        services.AddHostedService<StoreReport>();
        services.AddHealthChecks()
            .AddCheck<StoreHealth>("store", tags: [HealthTags.Live, HealthTags.Ready])
            .AddCheck<StoreRefusalHealth>("store writes", tags: [HealthTags.Ready]);
        if (options is { Kind: StoreKind.Files, Data: not null })
        {
            services.AddSingleton(new DiskLimit(options.DiskFreeLimit));
            services.AddHostedService<DiskAlarm>();
        }

        return silo;
    }

    /// <summary>
    /// Gives a database that is out of reach the time to get there, as <see cref="StoreOptions.ConnectionWait"/> says. Completes when it answers, whatever that is, or the time is
    /// over: who opens the store then finds out what there is to say.
    /// </summary>
    public static Task WaitForDatabaseAsync(this IServiceProvider services, StoreOptions options, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(options);
        return options is { Kind: StoreKind.Postgres, ConnectionWait: var wait } && wait > TimeSpan.Zero
            ? DatabaseWait.RunAsync(new PostgresOptions(options.Connection!), wait, services.GetService<TimeProvider>() ?? TimeProvider.System, services.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(DatabaseWait)), cancellation)
            : Task.CompletedTask;
    }

    /// <summary>Brings the database to the format of this version, for a process that has no store there: members of the cluster are listed in it.</summary>
    /// <param name="admitsOthers">Somebody has to be there who may log in from elsewhere.</param>
    /// <returns>Null, or why it cannot be used and what to do, for the operator.</returns>
    public static async Task<string?> TryPrepareDatabaseAsync(StoreOptions options, bool admitsOthers, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(options);
        try
        {
            var postgres = new PostgresOptions(options.Connection!) { IsMember = true };
            await Schema.PrepareAsync(postgres, ConnectionBudget.OfGateway, cancellation).ConfigureAwait(false);
            if (!admitsOthers)
            {
                return null;
            }

            await using var database = DatabaseConnections.CreateForChecks(postgres);
            return AccessRows.AdmitsOthers(await new RowReader(database).ReadAsync(AccessRows.Key, cancellation).ConfigureAwait(false)) ? null : NobodyFromElsewhere;
        }
        catch (StoreException exception)
        {
            return exception.Message;
        }
        catch (NpgsqlException exception)
        {
            return $"PostgreSQL is out of reach: {exception.InnerException?.Message ?? exception.Message}";
        }
    }

    /// <summary>Opens the store ahead of the host's start.</summary>
    /// <param name="admitsOthers">Somebody has to be there who may log in from elsewhere.</param>
    /// <returns>Null, or why it cannot be used and what to do, for the operator.</returns>
    public static async Task<string?> TryOpenStoreAsync(this IServiceProvider services, bool admitsOthers, CancellationToken cancellation)
    {
        try
        {
            var home = services.GetRequiredService<StoreHome>();
            await home.OpenAsync(cancellation).ConfigureAwait(false);
            return !admitsOthers || AccessRows.AdmitsOthers(await home.Commit.Store.ReadRowAsync(AccessRows.Key, cancellation).ConfigureAwait(false))
                ? null
                : NobodyFromElsewhere;
        }
        catch (Exception exception) when (exception is StoreException or StoreUnavailableException or NotSupportedException)
        {
            return exception.Message;
        }
    }
}
