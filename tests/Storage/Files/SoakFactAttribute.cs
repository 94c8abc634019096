namespace Granary.Storage.Tests.Files;

/// <summary>A test that takes long and prints figures: it runs where GRANARY_TEST_SOAK is set.</summary>
internal sealed class SoakFactAttribute : FactAttribute
{
    public SoakFactAttribute()
    {
        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable("GRANARY_TEST_SOAK")))
        {
            Skip = "Set GRANARY_TEST_SOAK to run it.";
        }
    }
}
