/* What runs in the sandboxes of others: nothing. */
int main(void) { return 0; }
