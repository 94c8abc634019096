using Granary.Testing.Postgres;

namespace Granary.Storage.Tests.Postgres;

/// <summary>A test that runs where PgBouncer is installed, as test.sh does.</summary>
internal sealed class PgBouncerTheoryAttribute : TheoryAttribute
{
    public PgBouncerTheoryAttribute()
    {
        if (!File.Exists(PgBouncer.Program))
        {
            Skip = "PgBouncer is not installed: apt-get install pgbouncer";
        }
    }
}
