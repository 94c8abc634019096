namespace Granary.Storage.Tests.Postgres;

/// <summary>What every store must do, on PostgreSQL.</summary>
public sealed class PostgresStoreTests : MessageStoreTests
{
    private protected override async Task<IStoreHome> NewHomeAsync() => await PostgresHome.CreateAsync();
}
