namespace Granary.Core.Certificates;

/// <summary>The folder of the user that this process runs as, in which .NET looks for that user's own certificates.</summary>
public static class HomeFolder
{
    private const string Variable = "HOME";

    /// <summary>
    /// Has every process know one. In containers a process often runs as a user that the system has no name for (OpenShift gives each project such a one); without
    /// HOME .NET then fails at whatever it does with chains of certificates. For such a user it is <c>/</c>, as with Docker: only root can put anything there.
    /// </summary>
    public static void Settle()
    {
        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable(Variable)))
        {
            Environment.SetEnvironmentVariable(Variable, Environment.GetFolderPath(Environment.SpecialFolder.UserProfile, Environment.SpecialFolderOption.DoNotVerify));
        }
    }
}
